"""The Lambda image on this machine: SAM runs it as the synthesised template says."""
