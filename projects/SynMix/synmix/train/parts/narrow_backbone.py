"""A feature pyramid on a narrow residual network, for the miniature: Detectron2's own R18 cannot be made narrower."""

from detectron2.config import CfgNode
from detectron2.layers import ShapeSpec
from detectron2.modeling import BACKBONE_REGISTRY, FPN
from detectron2.modeling.backbone import ResNet
from detectron2.modeling.backbone.fpn import LastLevelMaxPool
from detectron2.modeling.backbone.resnet import BasicBlock, BasicStem, BottleneckBlock

_STAGES = ("res2", "res3", "res4", "res5")
#: Blocks of each stage by RESNETS.DEPTH; R18's for any other, so that the miniature of an R50 is as shallow.
_BLOCKS = {101: (3, 4, 6, 3)}


@BACKBONE_REGISTRY.register()
def build_narrow_resnet_fpn_backbone(cfg: CfgNode, input_shape: ShapeSpec) -> FPN:
    """R18's stem and blocks with ``RESNETS.RES2_OUT_CHANNELS`` channels in res2 and twice as many in each next stage;
    ``FPN`` as configured. Of depth 101 it has R34's blocks, and with ``RESNETS.NUM_GROUPS`` grouped bottlenecks."""
    resnets = cfg.MODEL.RESNETS
    channels, stages = resnets.STEM_OUT_CHANNELS, []
    for number, blocks in enumerate(_BLOCKS.get(resnets.DEPTH, (2, 2, 2, 2))):
        width = resnets.RES2_OUT_CHANNELS * 2**number
        grouped = {"bottleneck_channels": width // 2, "num_groups": resnets.NUM_GROUPS}
        stages.append(
            ResNet.make_stage(
                BottleneckBlock if resnets.NUM_GROUPS > 1 else BasicBlock,
                blocks,
                stride_per_block=[1 if number == 0 else 2] + [1] * (blocks - 1),
                in_channels=channels,
                out_channels=width,
                norm=resnets.NORM,
                **(grouped if resnets.NUM_GROUPS > 1 else {}),
            )
        )
        channels = width
    stem = BasicStem(input_shape.channels, resnets.STEM_OUT_CHANNELS, resnets.NORM)
    return FPN(
        bottom_up=ResNet(stem, stages, out_features=list(_STAGES)),
        in_features=cfg.MODEL.FPN.IN_FEATURES,
        out_channels=cfg.MODEL.FPN.OUT_CHANNELS,
        norm=cfg.MODEL.FPN.NORM,
        top_block=LastLevelMaxPool(),
        fuse_type=cfg.MODEL.FPN.FUSE_TYPE,
    )
