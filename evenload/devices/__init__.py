"""How services reach devices: HTTP and MQTT links with bounds, what went wrong, and a fleet of device tasks."""
