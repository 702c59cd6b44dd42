"""The online modes Pro and Enterprise: a server decides on people or credentials."""
