"""Python that talks to the Kubernetes API. Imports nothing of the rest; nothing is here yet."""
