import acts


def crop_and_resize(image, height, width):
    acts.note("crop", image=[image.mode, *image.size])
    return image.resize((width, height))
