"""Prepares a folder of videos for training: cuts clips, judges each, keeps or rejects it, and states why.

One file a stage, in the order in which a video passes them:

    videos    the files of a folder, and their ids
    scan      decodes one file once: damage, and where the camera cuts
    pieces    clips of some lengths out of the shots
    judge     one clip: its picture and sound, and everything below
    faces     faces and lips of a frame, by a detector of one's choice
    speaker   whether one person is on screen
    speech    when there is speech
    sync      whether lips and sound belong together
    framing   the part of the frame that is kept
    mouth     a box around the mouth in each frame
    describe  transcripts and captions: the user's (`texts`), Whisper's, a server's (`captions`)
    store     the folder that is written
    prepare   all videos, in parallel, resumable
    page      a page to look over before GPU days are spent

What is written is a manifest, clips and tracks; `jova.data` makes shards of them, and knows no judge.
"""
