"""Control: policies that learn by acting in environments."""
