NAME = "helper beside the program"
