namespace TailorKV.Runtime.Backends.Cpu.Cache.Packs;

/// <summary>The width of codes, known when a kernel is compiled.</summary>
internal interface ICodeBits
{
    /// <summary>Bits of a code.</summary>
    static abstract int Value { get; }

    /// <summary>Bits that are taken at a time: of 1 and 2 bits those of several codes, each with a table of its own; of 3 bits the lower two, of 5 the lower four.</summary>
    static abstract int Taken { get; }

    /// <summary>Bits of a code that lie in one word row: of 3 bits the lower two, of 5 the lower four.</summary>
    static abstract int Lower { get; }

    /// <summary>Whether levels are looked up in a table. Where levels are one apart, a code itself is how far its level lies above the lowest.</summary>
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

    readonly struct Five : ICodeBits
    {
        public static int Value => 5;

        public static int Taken => 4;

        public static int Lower => 4;

        public static bool LooksUp => true;
    }

    readonly struct Eight : ICodeBits
    {
        public static int Value => 8;

        public static int Taken => 8;

        public static int Lower => 8;

        public static bool LooksUp => false;
    }
}
