"""What programs written for CARLA once met here, stated as facts through the official client."""
