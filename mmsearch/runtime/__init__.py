"""OpenVINO and torch as every model room uses them: quietly, compiled once, exported once."""
