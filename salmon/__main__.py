from salmon.cli import main

main()
