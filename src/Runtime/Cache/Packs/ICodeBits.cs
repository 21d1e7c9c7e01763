namespace TailorKV.Runtime.Cache.Packs;

/// <summary>The width of codes, known when a kernel is compiled.</summary>
internal interface ICodeBits
{
    /// <summary>Bits of a code.</summary>
    static abstract int Value { get; }

    /// <summary>Bits that are looked up, or taken as they are, at a time: of 1 and 2 bits several codes', each with a table of its own; of 3 the lower ones.</summary>
    static abstract int Taken { get; }

    /// <summary>Bits of a code that lie in one row: of 3 the lower ones.</summary>
    static abstract int Lower { get; }

    readonly struct One : ICodeBits
    {
        public static int Value => 1;

        public static int Taken => 4;

        public static int Lower => 1;
    }

    readonly struct Two : ICodeBits
    {
        public static int Value => 2;

        public static int Taken => 4;

        public static int Lower => 2;
    }

    readonly struct Three : ICodeBits
    {
        public static int Value => 3;

        public static int Taken => 2;

        public static int Lower => 2;
    }

    readonly struct Four : ICodeBits
    {
        public static int Value => 4;

        public static int Taken => 4;

        public static int Lower => 4;
    }

    readonly struct Eight : ICodeBits
    {
        public static int Value => 8;

        public static int Taken => 8;

        public static int Lower => 8;
    }
}
