"""``python -m venuebus``: the command line where the script is not on the PATH."""

from venuebus_start import main

if __name__ == "__main__":
    main()
