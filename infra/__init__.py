"""What is provisioned on AWS: one construct per module, put together in ``stack``.

Deploys the code and runs none of it: nothing here imports the core, the job or the handler.
"""
