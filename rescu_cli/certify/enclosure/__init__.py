"""Ball arithmetic on whole intervals: signs and extrema on the real line, with their evidence."""
