default = ["en", "zh"]
