"""The engine as a service: HTTP on the loopback interface, one queue to one device."""
