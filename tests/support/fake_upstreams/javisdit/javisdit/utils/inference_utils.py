def prepare_multi_resolution_info(info_type, batch_size, image_size, num_frames, fps, device, dtype):
    assert (info_type, batch_size) == ("OpenSora", 1)
    return {"size": list(image_size), "frames": num_frames, "fps": fps}
