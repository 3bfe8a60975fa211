module profefe.example/demo

go 1.19
