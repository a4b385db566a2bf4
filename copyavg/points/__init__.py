"""Critical points at any number of neurons: symmetric families, their Hessians, and how they are followed."""
