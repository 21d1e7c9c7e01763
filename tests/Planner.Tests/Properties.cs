using FsCheck.Xunit;
using TailorKV.Testing;

[assembly: Properties(Arbitrary = [typeof(Arbitraries)])]
