"""From a model on disk to the files of an endpoint: what it is, what it takes, and how it becomes a version.

    formats.find(path)        what a file or folder holds, told from its content; nothing of it is run
    wrapping                  a program of its own: loads a model, saves it as the server loads it, describes its data
    baseline.describe(frame)  statistics of a data set without a row of it
    documents                 the endpoint file, the stack's entry and the model card as text
    stage.Stage               what is to be written, prepared beside it and put in place all at once

It knows the specification and nothing of targets, engines or commands.
"""
