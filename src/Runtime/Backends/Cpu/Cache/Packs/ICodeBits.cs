namespace TailorKV.Runtime.Backends.Cpu.Cache.Packs;

/// <summary>The width of codes, known when a kernel is compiled.</summary>
internal interface ICodeBits
{
    /// <summary>Bits of a code.</summary>
    static abstract int Value { get; }

    /// <summary>Bits that are looked up, or taken as they are, at a time: of 1 and 2 bits several codes', each with a table of its own; of 3 the lower ones.</summary>
    static abstract int Taken { get; }

    /// <summary>Bits of a code that lie in one row: of 3 the lower ones.</summary>
    static abstract int Lower { get; }

    /// <summary>Whether what is taken is looked up; codes that stand for evenly spaced levels, one apart, are how far theirs lies above the lowest.</summary>
    static abstract bool LooksUp { get; }

    readonly struct One : ICodeBits
    {
        public static int Value => 1;

        public static int Taken => 4;

        public static int Lower => 1;

        public static bool LooksUp => true;
    }

    readonly struct Two : ICodeBits
    {
        public static int Value => 2;

        public static int Taken => 4;

        public static int Lower => 2;

        public static bool LooksUp => true;
    }

    readonly struct Three : ICodeBits
    {
        public static int Value => 3;

        public static int Taken => 2;

        public static int Lower => 2;

        public static bool LooksUp => true;
    }

    readonly struct Four : ICodeBits
    {
        public static int Value => 4;

        public static int Taken => 4;

        public static int Lower => 4;

        public static bool LooksUp => true;
    }

    readonly struct EvenFour : ICodeBits
    {
        public static int Value => 4;

        public static int Taken => 4;

        public static int Lower => 4;

        public static bool LooksUp => false;
    }

    readonly struct Eight : ICodeBits
    {
        public static int Value => 8;

        public static int Taken => 8;

        public static int Lower => 8;

        public static bool LooksUp => false;
    }
}
