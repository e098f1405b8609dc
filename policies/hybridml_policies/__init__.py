"""Security and compliance rules over planned resources."""
