"""Everything of one installation under one process: started in order, restarted when it dies, stopped in order.

``manage.py up`` is its only user; containers run the same programs one by one.
"""
