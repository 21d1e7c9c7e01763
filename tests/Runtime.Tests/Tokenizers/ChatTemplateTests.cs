using System.Text.Json;
using TailorKV.Planner;
using TailorKV.Runtime.Tokenizers;
using TailorKV.Tests;

namespace TailorKV.Runtime.Tests.Tokenizers;

public class ChatTemplateTests
{
    private const string SmolLM2 =
        "{% for message in messages %}{% if loop.first and messages[0]['role'] != 'system' %}{{ '<|im_start|>system\nYou are a helpful AI assistant named SmolLM, "
        + "trained by Hugging Face<|im_end|>\n' }}{% endif %}{{'<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n'}}{% endfor %}"
        + "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}";

    private const string Llama3 = """
        {{- bos_token }}
        {%- if not date_string is defined %}
            {%- if strftime_now is defined %}
                {%- set date_string = strftime_now("%d %b %Y") %}
            {%- else %}
                {%- set date_string = "26 Jul 2024" %}
            {%- endif %}
        {%- endif %}
        {%- if not tools is defined %}{%- set tools = none %}{%- endif %}
        {%- if messages[0]['role'] == 'system' %}
            {%- set system_message = messages[0]['content']|trim %}
            {%- set messages = messages[1:] %}
        {%- else %}
            {%- set system_message = "" %}
        {%- endif %}
        {{- "<|start_header_id|>system<|end_header_id|>\n\nToday: " + date_string + "\n\n" }}
        {%- if tools is not none %}
            {%- for t in tools %}{{- t | tojson(indent=4) }}{%- endfor %}
        {%- endif %}
        {{- system_message }}
        {{- "<|eot_id|>" }}
        {%- for message in messages %}
            {%- if not (message.role == 'ipython' or message.role == 'tool' or 'tool_calls' in message) %}
                {{- '<|start_header_id|>' + message['role'] + '<|end_header_id|>\n\n'+ message['content'] | trim + '<|eot_id|>' }}
            {%- endif %}
        {%- endfor %}
        {%- if add_generation_prompt %}
            {{- '<|start_header_id|>assistant<|end_header_id|>\n\n' }}
        {%- endif %}
        """;

    private const string Mistral =
        "{{ bos_token }}{% for message in messages %}{% if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}"
        + "{{ raise_exception('Conversation roles must alternate user/assistant/user/assistant/...') }}{% endif %}{% if message['role'] == 'user' %}"
        + "{{ '[INST] ' + message['content'] + ' [/INST]' }}{% elif message['role'] == 'assistant' %}{{ message['content'] + eos_token}}"
        + "{% else %}{{ raise_exception('Only user and assistant roles are supported!') }}{% endif %}{% endfor %}";

    private const string Qwen3 = """
        {%- if tools %}
            {{- '<|im_start|>system\n' }}
        {%- else %}
            {%- if messages[0].role == 'system' %}
                {{- '<|im_start|>system\n' + messages[0].content + '<|im_end|>\n' }}
            {%- endif %}
        {%- endif %}
        {%- set ns = namespace(multi_step_tool=true, last_query_index=messages|length - 1) %}
        {%- for message in messages[::-1] %}
            {%- set index = (messages|length - 1) - loop.index0 %}
            {%- if ns.multi_step_tool and message.role == "user" and message.content is string and not(message.content.startswith('<tool_response>') and message.content.endswith('</tool_response>')) %}
                {%- set ns.multi_step_tool = false %}
                {%- set ns.last_query_index = index %}
            {%- endif %}
        {%- endfor %}
        {%- for message in messages %}
            {%- set content = message.content %}
            {%- if (message.role == "user") or (message.role == "system" and not loop.first) %}
                {{- '<|im_start|>' + message.role + '\n' + content + '<|im_end|>' + '\n' }}
            {%- elif message.role == "assistant" %}
                {%- set reasoning = '' %}
                {%- if '</think>' in content %}
                    {%- set reasoning = content.split('</think>')[0].rstrip('\n').split('<think>')[-1].lstrip('\n') %}
                    {%- set content = content.split('</think>')[-1].lstrip('\n') %}
                {%- endif %}
                {%- if loop.index0 > ns.last_query_index and reasoning %}
                    {{- '<|im_start|>' + message.role + '\n<think>\n' + reasoning.strip('\n') + '\n</think>\n\n' + content.lstrip('\n') }}
                {%- else %}
                    {{- '<|im_start|>' + message.role + '\n' + content }}
                {%- endif %}
                {{- '<|im_end|>\n' }}
            {%- endif %}
        {%- endfor %}
        {%- if add_generation_prompt %}
            {{- '<|im_start|>assistant\n' }}
            {%- if enable_thinking is defined and enable_thinking is false %}
                {{- '<think>\n\n</think>\n\n' }}
            {%- endif %}
        {%- endif %}
        """;

    private static readonly ChatMessage[] Conversation =
        [new("system", "Be brief. "), new("user", "Hi"), new("assistant", "<think>\nhm\n</think>\n\nHello"), new("user", "Bye")];

    [Fact]
    public void SmolLM2_prompt_equals_the_reference()
    {
        using JsonDocument document = JsonDocument.Parse(File.ReadAllText(SharedData.Require("models/SmolLM2-135M-Instruct/reference.json")));
        JsonElement chat = document.RootElement.GetProperty("greedy").EnumerateArray().First(item => item.TryGetProperty("chat", out _));
        string prompt = Render(SmolLM2, new ChatMessage("user", chat.GetProperty("chat").GetString()!));
        Assert.Equal(chat.GetProperty("prompt").GetString(), prompt);
    }

    [Fact]
    public void Llama_3_style() => Assert.Equal(
        "<s><|start_header_id|>system<|end_header_id|>\n\nToday: 07 Mar 2026\n\nBe brief.<|eot_id|><|start_header_id|>user<|end_header_id|>\n\nHi<|eot_id|>"
        + "<|start_header_id|>assistant<|end_header_id|>\n\n<think>\nhm\n</think>\n\nHello<|eot_id|><|start_header_id|>user<|end_header_id|>\n\nBye<|eot_id|>"
        + "<|start_header_id|>assistant<|end_header_id|>\n\n",
        Render(Llama3, Conversation));

    [Fact]
    public void Mistral_style() => Assert.Equal("<s>[INST] a [/INST]b</s>[INST] c [/INST]", Render(Mistral, new("user", "a"), new("assistant", "b"), new("user", "c")));

    [Fact]
    public void Qwen_3_style() => Assert.Equal(
        "<|im_start|>system\nBe brief. <|im_end|>\n<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\nHello<|im_end|>\n<|im_start|>user\nBye<|im_end|>\n<|im_start|>assistant\n",
        Render(Qwen3, Conversation));

    [Fact]
    public void A_template_may_refuse_a_conversation()
    {
        var error = Assert.Throws<TailorKVException>(() => Render(Mistral, new ChatMessage("assistant", "b")));
        Assert.Contains("roles must alternate", error.Message, StringComparison.Ordinal);
    }

    // Expected values are Jinja's own, with trim_blocks and lstrip_blocks on.
    [Theory]
    [InlineData("a\n  {% if true %}\n  b\n  {% endif %}\nc\n", "a\n  b\nc")]
    [InlineData("a  {%- if true -%}  b  {%- endif +%}\nc", "ab\nc")]
    [InlineData("x {# gone #}\ny\n   {# gone #}\nz", "x y\nz")]
    [InlineData("{{ 'a' }}\n  {{- 'b' -}}  \n c", "abc")]
    [InlineData("{% for m in messages %}{{ loop.index }}{{ ',' if not loop.last }}{% else %}none{% endfor %}", "1,2,3,4")]
    [InlineData("{% for m in messages if m.role == 'user' %}{{ loop.index0 }}{{ m.content }}{% endfor %}", "0Hi1Bye")]
    [InlineData("{% set x = 0 %}{% for m in messages %}{% set x = x + 1 %}{{ x }}{% endfor %}{{ x }}", "11110")]
    [InlineData("{{ 1 + 2 ~ 'b' if false else -7 % 3 }}", "2")]
    [InlineData("{{ ['a', 'b']|join('-')|upper }}{{ ('q', 'r')|last }}{{ none }}{{ true }}{{ missing }}", "A-BrNoneTrue")]
    [InlineData("{{ 'h\\u00e9llo'[1:-1] }}{{ 'abc'[::-1] }}{{ [1, 2, 3][-1] }}{{ 'abc'|length }}", "éllcba33")]
    [InlineData("{{ missing|default('d') }}{{ ''|default('e', true) }}{{ ''|default('f') }}", "de")]
    [InlineData("{{ 'a\"\\n\u00e9'|tojson }}{{ messages[1]|tojson }}", "\"a\\\"\\n\u00e9\"{\"role\": \"user\", \"content\": \"Hi\"}")]
    [InlineData("{{ 'a' in messages[0] }}{{ 'role' in messages[0] }}{{ 'b' not in ['a'] }}{{ 'x' is string and 1 is not none }}", "FalseTrueTrueTrue")]
    [InlineData("{{ ' a b '.split()|length }}{{ 'a--b'.split('-')[1] }}|{{ '%}' }}{{ not not 1 }}", "2|%}True")]
    [InlineData("{{ messages[0].get('x') is none }}{{ messages[9] is defined }}{{ 'ab'.replace('a', 'c') }}", "TrueFalsecb")]
    public void Follows_Jinja(string template, string expected) => Assert.Equal(expected, Render(template, Conversation));

    [Theory]
    [InlineData("{% include 'other' %}", "include")]
    [InlineData("{% block x %}{% endblock %}", "block")]
    [InlineData("{{ 'a'|pprint }}", "pprint")]
    [InlineData("{{ 'a'|upper(1) }}", "upper")]
    [InlineData("{{ cycler('a') }}", "cycler")]
    [InlineData("{{ 1 is unheard }}", "unheard")]
    [InlineData("{{ [1]|unique(attribute='a', other=1)|list }}", "other")]
    [InlineData("{{ strftime_now('%Q') }}", "%Q")]
    [InlineData("{{ '%e' % 1.5 }}", "%e")]
    public void Names_what_it_lacks(string template, string construct) =>
        Assert.Contains(construct, Assert.Throws<UnsupportedModelException>(() => Render(template, Conversation)).Message, StringComparison.Ordinal);

    [Theory]
    [InlineData("{% for m in messages %}")]
    [InlineData("{{ 'a")]
    [InlineData("{{ a ")]
    [InlineData("{% endif %}")]
    [InlineData("{{ }}")]
    [InlineData("{{ missing.member.member }}")]
    [InlineData("{{ 1 + 'a' }}")]
    [InlineData("{{ 5 % 0 }}")]
    [InlineData("{{ 'a'.split('') }}")]
    [InlineData("{{ 99999999999999999999 }}")]
    [InlineData("{% set n = namespace(x='aaaaaaaaaaaaaaaa') %}{% for a in 'bbbbbbbbbbbbbbbbbbbbbbbbbbbb' %}{% set n.x = n.x + n.x %}{% endfor %}")]
    [InlineData("{{ 9223372036854775807 + 1 }}")]
    [InlineData("{{ 2 ** 64 }}")]
    [InlineData("{{ 'ab' * 99999999999 }}")]
    [InlineData("{{ [1, 2] * 999999999 }}")]
    [InlineData("{{ 'a'|center(2000000000) }}")]
    [InlineData("{{ '{:>99999999}'.format('a') }}")]
    [InlineData("{{ 'a'.ljust(99999999999) }}")]
    [InlineData("{{ range(100001)|list }}")]
    [InlineData("{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}")]
    [InlineData("{% for x in [1] recursive %}{{ loop([1]) }}{% endfor %}")]
    [InlineData("{% set n = namespace(l=[]) %}{% for i in range(100) %}{% set n.l = [n.l, n.l] %}{% endfor %}{{ n.l }}")]
    [InlineData("{% set n = namespace(l=[]) %}{% for i in range(100) %}{% set n.l = [n.l, n.l] %}{% endfor %}{{ n.l|tojson }}")]
    [InlineData("{% set n = namespace(l=[], m=[]) %}{% for i in range(100) %}{% set n.l = [n.l, n.l] %}{% set n.m = [n.m, n.m] %}{% endfor %}{{ n.l == n.m }}")]
    [InlineData("{% set n = namespace(l=[]) %}{% for i in range(100000) %}{% set n.l = [n.l] %}{% endfor %}{{ n.l }}")]
    [InlineData("{% break %}")]
    [InlineData("{% set a = 'x' * 1000000 %}{% set b = 'x' * 999999 ~ 'y' %}{% for i in range(1000) %}{{ b in a ~ a }}{% endfor %}")]
    [InlineData("{% set n = namespace(x='a') %}{% set t = 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa' %}"
        + "{% for a in t %}{% for b in t %}{% for c in t %}{% for d in t %}{% for e in t %}{% set q = 1 %}{% endfor %}{% endfor %}{% endfor %}{% endfor %}{% endfor %}")]
    public void Rejects_malformed_and_hostile_templates(string template) => Assert.Throws<InvalidFileException>(() => Render(template, Conversation));

    [Theory]
    [InlineData("(", ")")]
    [InlineData("[", "]")]
    [InlineData("not -", "")]
    public void Deep_nesting_is_an_error_and_no_crash(string open, string close)
    {
        string template = "{{ " + string.Concat(Enumerable.Repeat(open, 100_000)) + "1" + string.Concat(Enumerable.Repeat(close, 100_000)) + " }}";
        Assert.ThrowsAny<TailorKVException>(() => Render(template, Conversation));
    }

    [Fact]
    public void A_long_chain_is_an_error_and_no_crash() =>
        Assert.ThrowsAny<TailorKVException>(() => Render("{{ 1" + string.Concat(Enumerable.Repeat(" + 1", 200_000)) + " }}", Conversation));

    [Fact]
    public void Is_found_in_a_folder()
    {
        string folder = Directory.CreateTempSubdirectory().FullName;
        try
        {
            Assert.Null(ChatTemplate.FromFolder(folder));
            File.WriteAllText(Path.Combine(folder, "tokenizer_config.json"), """{"chat_template": [{"name": "tool_use", "template": "t"}, {"name": "default", "template": "d"}]}""");
            Assert.Equal("d", ChatTemplate.FromFolder(folder)!.Render([], false, null, null));
            File.WriteAllText(Path.Combine(folder, "chat_template.jinja"), "j");
            Assert.Equal("j", ChatTemplate.FromFolder(folder)!.Render([], false, null, null));
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    [Fact]
    public void What_a_template_makes_is_bounded()
    {
        ChatTemplate template = ChatTemplate.Parse(File.ReadAllText(SharedData.Require("cases/21-raw-exceptions/template-3.6GB.jinja")), "template");
        long before = GC.GetAllocatedBytesForCurrentThread();
        Assert.Throws<InvalidFileException>(() => template.Render(Conversation, true, "<s>", "</s>"));
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 1L << 29);
    }

    /// <summary>Templates that double a value over and over and pass it through an operation, whose result may be large where its input is not.</summary>
    [Theory]
    [InlineData("|list")]
    [InlineData("|upper")]
    [InlineData("|title")]
    [InlineData("|tojson")]
    [InlineData("|string|escape")]
    [InlineData("|replace('x', 'xx')")]
    [InlineData(".split('x')")]
    [InlineData(".splitlines()")]
    [InlineData("|batch(1)|list")]
    [InlineData("|map('upper')|join('xxxx')")]
    [InlineData("|indent('x' * 1000)")]
    [InlineData("[::-1]")]
    [InlineData("|reverse")]
    [InlineData("|unique|list")]
    [InlineData("|sort")]
    [InlineData(" * 100")]
    [InlineData("|slice(4)|list")]
    [InlineData(".join(n.s)")]
    public void What_an_operation_makes_is_bounded(string operation)
    {
        ChatTemplate template = ChatTemplate.Parse(
            "{% set n = namespace(s='<\n', k=[]) %}{% for i in range(22) %}{% set n.s = n.s ~ n.s %}{% endfor %}"
            + $"{{% for i in range(100) %}}{{% set n.k = n.k + [n.s{operation}] %}}{{% endfor %}}",
            "template");
        long before = GC.GetAllocatedBytesForCurrentThread();
        Assert.Throws<InvalidFileException>(() => template.Render(Conversation, true, "<s>", "</s>"));
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 1L << 30);
    }

    [Theory]
    [InlineData("{{ 'a'|NAME }}")]
    [InlineData("{{ 1 is NAME }}")]
    [InlineData("{% NAME %}")]
    [InlineData("{{ NAME.a.b }}")]
    [InlineData("{{ NAME() }}")]
    [InlineData("{{ 'a' NAME }}")]
    [InlineData("{{ raise_exception('NAME') }}")]
    [InlineData("{{ 'a'.upper(NAME=1) }}")]
    [InlineData("{{ 'NAME' + 1 }}")]
    [InlineData("{{ 'a'['NAME'].b }}")]
    public void Messages_are_short(string template) => Assert.InRange(
        Assert.ThrowsAny<TailorKVException>(() => Render(template.Replace("NAME", new string('n', 500_000), StringComparison.Ordinal), Conversation)).Message.Length,
        20,
        1000);

    private static string Render(string template, params ChatMessage[] messages) =>
        ChatTemplate.Parse(template, "template").Render(messages, addGenerationPrompt: true, "<s>", "</s>", new FixedClock(new DateTime(2026, 3, 7)));
}
