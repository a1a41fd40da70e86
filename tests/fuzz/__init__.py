"""Every public call with one bad argument: does it end in an error that names the argument?"""
