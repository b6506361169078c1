<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<link rel="stylesheet" href="/.kali/kali.css">
</head>
<body>
<header><a href="/">kali: the examples</a></header>
<main>
<h1>{title}</h1>
{body}
</main>
</body>
</html>
