"""`holdfast doctor`: looks at all that promises rest on, says what is wrong and what to do, mends what it can."""
