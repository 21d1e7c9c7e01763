using FsCheck;
using FsCheck.Xunit;
using TailorKV.Planner;
using TailorKV.Runtime.Tokenizers;

namespace TailorKV.Runtime.Tests.Tokenizers;

public class TemplateProperties
{
    private static readonly string[] Fragments =
    [
        "{{ ", " }}", "{% ", " %}", "{%- ", " -%}", "x", "messages", "'a\u00e9'", "1", "2.5", "none", "true", "[", "]", "(", ")", "{", "}", ":", ",", ".", "|", "=", "==", "<", "+", "-",
        "*", "/", "%", "~", " in ", " is ", " not ", " and ", " if ", " else ", "for ", "endfor", "if ", "endif", "set ", "endset", "macro ", "endmacro", "call ", "endcall", "break",
        "items", "content", "role", "loop", "namespace", "range", "split", "join", "map", "tojson", "upper", "defined", "string", "selectattr", "sort", "text\n", "{#", "#}", "{% raw %}",
        "{% for x in messages %}", "{% endfor %}", "{% if x %}", "{% endif %}", "{{ x|", "(x, 'a') }}", "{% set x = ", "{{ x.", "{{ messages[",
    ];

    [Property(MaxTest = 2000)]
    public void Any_text_of_fragments_renders_or_is_refused_by_name(PositiveInt[] picks)
    {
        string template = string.Concat(picks.Select(pick => Fragments[pick.Get % Fragments.Length]));
        try
        {
            ChatTemplate.Parse(template, "template").Render([new("user", "a \U0001F600"), new("assistant", "")], true, "<s>", null);
        }
        catch (TailorKVException error)
        {
            Assert.InRange(error.Message.Length, 20, 1000);
        }
    }

    [Property(MaxTest = 500)]
    public void What_a_message_holds_is_never_read_as_a_template(NonNull<string> content)
    {
        string rendered = ChatTemplate.Parse("{{ messages[0].content }}", "template").Render([new("user", content.Get)], true, null, null);
        Assert.Equal(System.Text.Encoding.UTF8.GetString(System.Text.Encoding.UTF8.GetBytes(content.Get)), rendered);
    }
}
