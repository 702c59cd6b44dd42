"""Wiring drawings as SVG text, made from the profiles and a site file. Pure: no files, no clock."""
