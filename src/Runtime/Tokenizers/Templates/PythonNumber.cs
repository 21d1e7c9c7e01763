using System.Globalization;
using System.Numerics;

namespace TailorKV.Runtime.Tokenizers.Templates;

/// <summary>Python's arithmetic and writing of numbers. Integers are those of 64 bits.</summary>
internal static class PythonNumber
{
    /// <summary>The shortest text that reads as the number.</summary>
    public static string Text(double number)
    {
        if (double.IsNaN(number) || double.IsInfinity(number))
            return double.IsNaN(number) ? "nan" : number > 0 ? "inf" : "-inf";
        string digits = Math.Abs(number).ToString("E16", CultureInfo.InvariantCulture);
        string shortest = Math.Abs(number).ToString("R", CultureInfo.InvariantCulture);
        int exponent = number == 0 ? 0 : int.Parse(digits.AsSpan(digits.IndexOf('E') + 1), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture);
        string sign = double.IsNegative(number) ? "-" : "";
        if (exponent is >= -4 and < 16)
        {
            string plain = shortest.Contains('E') ? decimal.Parse(shortest, NumberStyles.Float, CultureInfo.InvariantCulture).ToString(CultureInfo.InvariantCulture) : shortest;
            return sign + (plain.Contains('.') ? plain : plain + ".0");
        }
        string mantissa = shortest.Split('E')[0].Replace(".", "").Trim('0');
        string fraction = mantissa.Length > 1 ? "." + mantissa[1..] : "";
        return $"{sign}{mantissa[0]}{fraction}e{(exponent < 0 ? '-' : '+')}{Math.Abs(exponent):00}";
    }

    /// <summary>The number rounded to some decimals, of two equally near the even one.</summary>
    public static double Round(double number, int decimals)
    {
        if (!double.IsFinite(number) || decimals > 22 || Math.Abs(number) >= 1e15)
            return number;
        if (decimals < 0)
            return Math.Round(number / Math.Pow(10, -decimals), MidpointRounding.ToEven) * Math.Pow(10, -decimals);
        return double.Parse(Fixed(number, decimals), CultureInfo.InvariantCulture);
    }

    /// <summary>The number with some decimals, as <c>%.2f</c> writes it.</summary>
    public static string Fixed(double number, int decimals)
    {
        string text = number.ToString("F" + decimals, CultureInfo.InvariantCulture);
        // .NET rounds the exact value's midpoints away from 0, Python to the even digit.
        string exact = number.ToString("F" + (decimals + 60), CultureInfo.InvariantCulture);
        string tail = exact[^60..];
        bool isMidpoint = tail[0] == '5' && tail.AsSpan(1).TrimEnd('0').IsEmpty;
        string truncated = exact[..^60].TrimEnd('.');
        return isMidpoint && (truncated[^1] - '0') % 2 == 0 ? truncated : text;
    }

    /// <summary>The integer that a text writes in a base, or null.</summary>
    public static long? ParseInteger(string text, long numberBase)
    {
        string digits = PythonText.Strip(text, null, true, true).Replace("_", "");
        bool isNegative = digits.StartsWith('-');
        digits = digits.TrimStart('-', '+');
        if (numberBase is 16 or 8 or 2)
        {
            string prefix = numberBase == 16 ? "0x" : numberBase == 8 ? "0o" : "0b";
            digits = digits.StartsWith(prefix, StringComparison.OrdinalIgnoreCase) ? digits[2..] : digits;
        }
        if (digits.Length is 0 or > 64 || numberBase is < 2 or > 36)
            return null;
        BigInteger value = 0;
        foreach (char letter in digits)
        {
            int digit = char.IsAsciiDigit(letter) ? letter - '0' : char.IsAsciiLetter(letter) ? char.ToLowerInvariant(letter) - 'a' + 10 : int.MaxValue;
            if (digit >= numberBase)
                return null;
            value = (value * numberBase) + digit;
        }
        value = isNegative ? -value : value;
        return value >= long.MinValue && value <= long.MaxValue ? (long)value : null;
    }

    /// <summary>The number that a text writes, or null.</summary>
    public static double? ParseFloat(string text) =>
        double.TryParse(PythonText.Strip(text, null, true, true).Replace("_", ""), NumberStyles.Float, CultureInfo.InvariantCulture, out double number) ? number : null;

    /// <summary>The integer that a double is cut to, or null where it is too large.</summary>
    public static long? Truncate(double number) => Math.Abs(number) < 9.2e18 ? (long)number : null;

    /// <summary>A power of integers, or null where it is too large.</summary>
    public static long? Power(long number, long exponent)
    {
        if (number is 0 or 1 or -1)
            return number == -1 && exponent % 2 == 0 ? 1 : exponent == 0 ? 1 : number;
        if (exponent > 63)
            return null;
        BigInteger power = BigInteger.Pow(number, (int)exponent);
        return power >= long.MinValue && power <= long.MaxValue ? (long)power : null;
    }

    /// <summary>The quotient rounded down, and what is left, of the divisor's sign.</summary>
    public static (double Quotient, double Remainder) DivideDown(double number, double divisor)
    {
        double rest = number % divisor;
        if (rest != 0 && (rest < 0) != (divisor < 0))
            rest += divisor;
        return (Math.Round((number - rest) / divisor), rest);
    }
}
