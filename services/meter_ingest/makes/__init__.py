"""Data tables of inverters that speak Modbus: one file a make."""
