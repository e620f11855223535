"""Prepares a folder of videos for training: cuts clips, judges each, keeps or rejects it, and states why.

One file a stage, in the order in which a video passes them:

    videos    the files of a folder, and their ids
    scan      decodes one file once: damage, and where the camera cuts
    pieces    clips of some lengths out of the shots
    judge     one clip: its picture and sound, and everything below
    faces     faces and lips of a frame, by a detector of one's choice
    speaker   whether one person is on screen
    framing   the part of the frame that is kept
    mouth     a box around the mouth in each frame
    store     the folder that is written
    prepare   all videos, in parallel, resumable

What is written is a manifest, clips and tracks; `jova.data` makes shards of them, and knows no judge.
"""
