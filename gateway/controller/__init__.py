"""Process 1: owns every wire, decides, journals."""
