"""`python -m rsrefseg` is the `rsrefseg` command."""

from rsrefseg.cli import main

if __name__ == "__main__":
    main()
