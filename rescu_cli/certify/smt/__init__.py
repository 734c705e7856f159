"""Signs of rational functions for all parameters, by an SMT solver; z3 is imported when asked."""
