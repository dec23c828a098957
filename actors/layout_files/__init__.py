"""What people write becomes layouts and rules, and layouts and rules become what people can read."""
