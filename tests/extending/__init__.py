"""The code of the page "Extending": shown there from these files, and run by the tests here."""
