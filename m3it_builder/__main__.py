"""Run the ``m3it`` command by ``python -m m3it_builder``."""

from m3it_builder.cli import main

if __name__ == "__main__":
    main()
