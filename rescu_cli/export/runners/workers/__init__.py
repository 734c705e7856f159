"""What runs inside worker processes: one module per target that needs a process of its own."""
