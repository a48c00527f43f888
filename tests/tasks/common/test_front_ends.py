"""Front ends: what augmentation changes, and what it keeps."""

import torch

from keepgate.tasks.common.front_ends import AudioFrontEnd, InkFrontEnd
from tasks.transcribe.data import RATE


def test_augmented_frames_keep_shape_and_lengths_follow_the_speed():
    torch.manual_seed(0)
    x, lengths = torch.randn(6, 50, 12), torch.tensor([50, 40, 30, 20, 10, 1])
    audio = AudioFrontEnd(RATE, 12, 1.0)
    found, shorter = audio(x, lengths)
    assert audio.eval()(x, lengths)[0] is x
    assert found.shape == (6, int(shorter.max()), 12)
    assert ((shorter >= (lengths / 1.151).floor()) & (shorter <= (lengths / 0.849).ceil())).all()
    same, kept = AudioFrontEnd(RATE, 12, 0.0)._warp(x, lengths)
    assert torch.equal(kept, lengths)
    torch.testing.assert_close(same, x)
    points, sizes = torch.randn(3, 9, 3), torch.tensor([9, 7, 2])
    found, same = InkFrontEnd(None, 0, 1.0).augment(points, sizes)
    assert torch.equal(same, sizes)
    assert torch.equal(found[..., 2], points[..., 2])
    assert not torch.isclose(found[..., :2], points[..., :2]).any()
    middle = points[..., :1].sum(1, keepdim=True) / sizes[:, None, None]
    still, _ = InkFrontEnd(None, 0, 0.0).augment(points, sizes)
    torch.testing.assert_close(still, torch.cat([points[..., :1] - middle, points[..., 1:]], dim=-1))
