"""What stands behind the ports of finding and storing; drivers are imported here alone."""
