"""``python -m m3it_builder`` is the ``m3it`` command."""

from m3it_builder.cli import main

if __name__ == "__main__":
    main()
