"""The shipped towns: layout tables and the builders that write them as OpenDRIVE files."""
