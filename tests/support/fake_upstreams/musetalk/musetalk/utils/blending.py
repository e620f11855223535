"""Pastes a face, all of it."""

import acts


def get_image(image, face, face_box, upper_boundary_ratio=0.5, expand=1.5, mode="raw", fp=None):
    left, top, right, bottom = map(int, face_box)
    assert face.shape == (bottom - top, right - left, 3)
    assert face.flags.writeable
    assert type(fp).__name__ == "FaceParsing"
    acts.note("paste", mode=mode, bottom=bottom)
    made = image.copy()
    made[top:bottom, left:right] = face
    return made
