#!/usr/bin/env bash
# Sets up what the Makefile's targets need, from nothing: setup.sh engine | qgis | system | texts
#   engine  .venv/engine: the engine, editable, with its tests and checks (Python 3.10 to 3.13)
#   qgis    .venv/qgis:   pytest beside the system's QGIS
#   system  QGIS, a virtual screen and venv through apt, where they are missing
#   texts   lrelease, which compiles translations, through apt where it is missing
# A stamp named after the inputs' content says what is complete, so that a second call is free.
set -euo pipefail
cd "$(dirname "$0")/.."

APT_PACKAGES=(qgis python3-qgis qgis-providers xvfb xauth python3-venv)
ENGINE=.venv/engine
QGIS=.venv/qgis
CPU_INDEX=https://download.pytorch.org/whl/cpu
export PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_INPUT=1

say() { printf '== %s\n' "$*"; }
fail() {
    printf 'setup: %s\n' "$*" >&2
    exit 1
}

key() { cat "$@" tools/setup.sh | sha256sum | cut -c1-16; }

apt_install() {
    command -v apt-get >/dev/null ||
        fail "$1 is missing and there is no apt-get here; install QGIS 3.22 or newer with its Python bindings, xvfb, and Python 3.10 to 3.13 with venv, then run make again."
    local sudo=()
    if [ "$(id -u)" -ne 0 ]; then
        command -v sudo >/dev/null || fail "$1 is missing; as root: apt-get install ${APT_PACKAGES[*]}"
        sudo=(sudo)
    fi
    say "installing $1 through apt (once, minutes)"
    "${sudo[@]}" apt-get update -q
    "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "${@:2}"
}

# A Python that is what its name says, of 64 bits, with venv; 3.11 is what the versions were measured with.
fits_engine() {
    "$1" -c 'import ensurepip, sys, venv; sys.exit(not ((3, 10) <= sys.version_info[:2] < (3, 14) and sys.maxsize > 2**32))' >/dev/null 2>&1
}

find_python() {
    local candidate
    for candidate in ${PYTHON:-} python3.11 python3.12 python3.13 python3.10 \
        /usr/bin/python3.11 /usr/bin/python3.12 /usr/bin/python3.13 /usr/bin/python3.10 python3; do
        if fits_engine "$candidate"; then
            echo "$candidate"
            return
        fi
    done
    return 1
}

has_qgis() {
    command -v qgis >/dev/null && "${QGIS_PYTHON:-/usr/bin/python3}" -c 'import qgis.core' 2>/dev/null
}

has_screen() {
    command -v xvfb-run >/dev/null && command -v xauth >/dev/null
}

setup_system() {
    has_qgis && has_screen && return
    apt_install "QGIS or xvfb" "${APT_PACKAGES[@]}"
    has_qgis || fail "QGIS was installed but its Python bindings do not load in /usr/bin/python3; set QGIS_PYTHON to the Python that QGIS was built with."
}

setup_texts() {
    command -v lrelease >/dev/null || [ -x /usr/lib/qt5/bin/lrelease ] || apt_install lrelease qttools5-dev-tools
}

constraint() { grep -E "^$1==" backend/constraints.txt; }

install_torch() {
    # torch and torchvision first and alone: the other packages must not be looked up in the
    # CPU index, and must not bring a CUDA build along.
    local torch torchvision
    torch=$(constraint torch) torchvision=$(constraint torchvision)
    if [ -n "${TORCH_INDEX:-}" ]; then
        "$1" -m pip install -q --no-deps --extra-index-url "$TORCH_INDEX" "$torch" "$torchvision"
    elif command -v nvidia-smi >/dev/null && nvidia-smi -L >/dev/null 2>&1; then
        "$1" -m pip install -q --no-deps "$torch" "$torchvision"
    elif "$1" -m pip install -q --no-deps --retries 1 "$torch+cpu" "$torchvision" >/dev/null 2>&1; then
        : # pip is configured with a place that has the CPU build
    else
        "$1" -m pip install -q --no-deps --retries 2 --extra-index-url "$CPU_INDEX" "$torch" "$torchvision"
    fi
}

setup_engine() {
    local stamp python
    stamp=$ENGINE/.ready-$(key backend/pyproject.toml backend/constraints.txt)
    [ -e "$stamp" ] && return
    if ! fits_engine "$ENGINE/bin/python"; then
        python=$(find_python) || {
            apt_install "a Python with venv" python3 python3-venv
            python=$(find_python) || fail "no Python 3.10 to 3.13 was found; install one and run make PYTHON=/path/to/it."
        }
        say "making $ENGINE from $($python --version)"
        rm -rf "$ENGINE"
        "$python" -m venv "$ENGINE"
    fi
    say "installing the engine into $ENGINE"
    rm -f "$ENGINE"/.ready-*
    "$ENGINE/bin/python" -m pip install -q -c backend/constraints.txt --upgrade pip setuptools wheel
    install_torch "$ENGINE/bin/python"
    # sam2 is built against the torch that is there, without CUDA; an isolated build would fetch another torch
    SAM2_BUILD_CUDA=0 "$ENGINE/bin/python" -m pip install -q -c backend/constraints.txt \
        --no-build-isolation -e 'backend[dev,sam2,siglip,train,dask,parquet]'
    touch "$stamp"
}

setup_qgis() {
    setup_system
    local stamp
    stamp=$QGIS/.ready-$(key tests/requirements-qgis.txt)
    [ -e "$stamp" ] && return
    say "making $QGIS beside the system's QGIS"
    if ! "$QGIS/bin/python" -c 'import qgis.core, pip' 2>/dev/null; then
        rm -rf "$QGIS"
        "${QGIS_PYTHON:-/usr/bin/python3}" -m venv --system-site-packages "$QGIS" ||
            { apt_install "python3-venv" python3-venv && "${QGIS_PYTHON:-/usr/bin/python3}" -m venv --system-site-packages "$QGIS"; }
    fi
    rm -f "$QGIS"/.ready-*
    "$QGIS/bin/python" -m pip install -q -r tests/requirements-qgis.txt
    touch "$stamp"
}

for part in "$@"; do
    case $part in
    engine | qgis | system | texts) "setup_$part" ;;
    *) fail "unknown part '$part'; use engine, qgis, system or texts." ;;
    esac
done
