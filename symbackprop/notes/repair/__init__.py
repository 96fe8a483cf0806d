"""The smallest edit that makes a wrong equation right; may import `judge` and what it imports."""
