"""Sweeps: arms of one model that differ in a setting, trained and scored alike, each compared with the base arm.

`spec` reads what to vary, `model` says what a model offers, `plan` tells arms apart by digests of all their settings,
`work` trains and scores what is missing, `claims` compares, `results` shows.
"""
