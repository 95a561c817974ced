from assistant import protocols, testing


def test_every_scripted_engine_plays_its_role() -> None:
    recognizer: protocols.SpeechRecognizer = testing.ScriptedRecognizer()
    detector: protocols.VoiceActivityDetector = testing.ScriptedDetector()
    vision: protocols.VisionEncoder = testing.ScriptedVision()
    language_model: protocols.LanguageModel = testing.ScriptedLanguageModel()
    synthesizer: protocols.SpeechSynthesizer = testing.ScriptedSynthesizer()
    for engine, role in (
        (recognizer, protocols.SpeechRecognizer),
        (detector, protocols.VoiceActivityDetector),
        (vision, protocols.VisionEncoder),
        (language_model, protocols.LanguageModel),
        (synthesizer, protocols.SpeechSynthesizer),
    ):
        assert {name for name in vars(role) if not name.startswith("_")} <= set(dir(engine))
