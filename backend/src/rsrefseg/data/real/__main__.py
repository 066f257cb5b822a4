"""`python -m rsrefseg.data.real SOURCE_DIR -o OUT`: turn labelled imagery into cases."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path


def main() -> int:
    """Run the converter from the command line."""
    parser = argparse.ArgumentParser(prog="python -m rsrefseg.data.real", description=__doc__)
    parser.add_argument("source", type=Path, help="folder with banepa/, dubai/, geneva/, naip/")
    parser.add_argument("-o", "--out", type=Path, required=True, help="folder to write")
    parser.add_argument("--seed", type=int, default=0, help="of the choice of phrases")
    args = parser.parse_args()

    from rsrefseg.data.real.convert import convert
    from rsrefseg.errors import RsRefSegError

    try:
        counts = convert(args.source, args.out, args.seed)
    except RsRefSegError as error:
        print(error, file=sys.stderr)
        return 1
    for split, count in counts.items():
        print(f"{args.out / split}.jsonl: {count} cases")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
