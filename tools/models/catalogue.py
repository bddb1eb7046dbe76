"""Trained LSTMs that packages ship, to be installed by name; printed, the packages."""

from typing import NamedTuple


class Model(NamedTuple):
    """One LSTM of a file of a package."""

    name: str
    package: str
    file: str
    lstm: str = ""  # a part of its name in the file, if that has several
    about: str = ""
    shape: tuple[int, ...] = ()  # of the input of a graph, if a short one gives the LSTM one step only


ETHNICOLR, RNNMORPH, BEATNET = "ethnicolr==0.21.1", "rnnmorph==0.4.1", "BeatNet==1.1.3"
VOTERS = "ethnicolr/models/nc_voter_reg/lstm/nc_voter_name"

MODELS = (
    Model("silero-vad", "silero-vad==6.2.3", "silero_vad/data/silero_vad_16k.safetensors", about="is that speech?"),
    Model("silero-vad (graph)", "silero-vad==6.2.3", "silero_vad/data/silero_vad.onnx", about="the same, in an If"),
    Model("ddddocr", "ddddocr==1.6.1", "ddddocr/common.onnx", about="letters in pictures", shape=(1, 1, 64, 320)),
    Model("resemblyzer", "Resemblyzer==0.1.4", "resemblyzer/pretrained.pt", about="whose voice is it?"),
    Model("beatnet 1", BEATNET, "BeatNet/models/model_1_weights.pt", about="beats of music"),
    Model("beatnet 2", BEATNET, "BeatNet/models/model_2_weights.pt", about="beats of music"),
    Model("beatnet 3", BEATNET, "BeatNet/models/model_3_weights.pt", about="beats of music"),
    Model("parsernaam", "parsernaam==0.1.1", "parsernaam/models/parsernaam.pt", about="first or last name?"),
    Model("parsernaam pos", "parsernaam==0.1.1", "parsernaam/models/parsernaam_pos.pt", about="the same, by place"),
    Model("ethnicolr wiki", ETHNICOLR, "ethnicolr/models/wiki/lstm/wiki_ln_lstm.h5", about="names"),
    Model("ethnicolr census", ETHNICOLR, "ethnicolr/models/census/lstm/census2010_ln_lstm.h5", about="names"),
    Model("ethnicolr voters", ETHNICOLR, f"{VOTERS}_lstm.h5", about="names; hard sigmoids of Keras 2"),
    Model("ethnicolr voters' race", ETHNICOLR, f"{VOTERS}_race_lstm.h5", about="names; hard sigmoids of Keras 2"),
    Model("nakdimon", "nakdimon==0.1.2", "nakdimon/Nakdimon.h5", "bidirectional/", "vowels of Hebrew"),
    Model("rnnmorph en", RNNMORPH, "rnnmorph/models/en/eval_model.h5", "bidirectional_1", "parts of speech"),
    Model("rnnmorph ru", RNNMORPH, "rnnmorph/models/ru/eval_model.h5", "bidirectional_1", "parts of speech"),
    Model("dgaintel", "dgaintel==2.3", "dgaintel/domain_classifier_model.h5", about="domain names"),
    Model("textgenrnn", "textgenrnn==2.0.0", "textgenrnn/textgenrnn_weights.hdf5", "rnn_1", "writes; cuDNN's layout"),
)

if __name__ == "__main__":
    print(*dict.fromkeys(model.package for model in MODELS))
