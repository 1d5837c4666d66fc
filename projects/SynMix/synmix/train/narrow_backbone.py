"""A feature pyramid on a narrow residual network, for the miniature: Detectron2's own R18 cannot be made narrower."""

from detectron2.config import CfgNode
from detectron2.layers import ShapeSpec
from detectron2.modeling import BACKBONE_REGISTRY, FPN
from detectron2.modeling.backbone import ResNet
from detectron2.modeling.backbone.fpn import LastLevelMaxPool
from detectron2.modeling.backbone.resnet import BasicBlock, BasicStem

_STAGES = ("res2", "res3", "res4", "res5")


@BACKBONE_REGISTRY.register()
def build_narrow_resnet_fpn_backbone(cfg: CfgNode, input_shape: ShapeSpec) -> FPN:
    """R18's stem and blocks with ``RESNETS.RES2_OUT_CHANNELS`` channels in res2 and twice as many in each next stage;
    ``FPN`` as configured."""
    resnets = cfg.MODEL.RESNETS
    channels = resnets.STEM_OUT_CHANNELS
    stages = []
    for number, _ in enumerate(_STAGES):
        width = resnets.RES2_OUT_CHANNELS * 2**number
        strides = [1 if number == 0 else 2, 1]
        stages.append(
            ResNet.make_stage(
                BasicBlock,
                len(strides),
                stride_per_block=strides,
                in_channels=channels,
                out_channels=width,
                norm=resnets.NORM,
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
