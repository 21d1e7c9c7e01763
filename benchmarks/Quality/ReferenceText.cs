using TailorKV.Runtime;
using TailorKV.Runtime.Formats;

namespace TailorKV.Quality;

/// <summary>SmolLM2's 4,096 reference tokens as text.</summary>
internal static class ReferenceText
{
    public static string Read(string shared)
    {
        string folder = Path.Combine(shared, "models", "SmolLM2-135M-Instruct");
        using var model = CausalLanguageModel.Load(Path.Combine(folder, "model.gguf"));
        using var reference = SafetensorsFile.Open(Path.Combine(folder, "reference-4096.safetensors"));
        return model.Tokenizer.Decode([.. reference.ReadIntegers("input_ids").Select(token => (int)token)]);
    }
}
